"""Teaching an assistant: what is wrong is corrected in the project's own files."""
