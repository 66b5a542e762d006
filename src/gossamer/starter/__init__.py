"""The bundled assistant: files that `gossamer init` copies into a new project. No code."""
