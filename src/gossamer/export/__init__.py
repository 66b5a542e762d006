"""Trained models as files that other programs can run."""

from gossamer.export.features import onnx_inputs
from gossamer.export.models import ExportFormat, export_model

__all__ = ["ExportFormat", "export_model", "onnx_inputs"]
