"""Writing what is taught into a project's own files."""
