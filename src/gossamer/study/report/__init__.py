"""A study's report: figures, tables, findings, pages."""
