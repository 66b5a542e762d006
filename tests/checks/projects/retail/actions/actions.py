raise RuntimeError("the project's own actions run on an action server, never in training")
