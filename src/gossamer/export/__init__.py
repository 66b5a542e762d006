"""Trained models as files that other programs can run."""

from gossamer.export.models import ExportFormat, export_model, onnx_inputs

__all__ = ["ExportFormat", "export_model", "onnx_inputs"]
