"""Teaching over HTTP, `gossamer run --teach`: routes under /teach, and the training that runs."""
