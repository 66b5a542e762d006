"""Stories and rules as a graph in one HTML page, which needs nothing from elsewhere."""

from __future__ import annotations

__all__ = ["Flow", "flow_of", "stories_page"]

from gossamer.visualize.flow import Flow as Flow
from gossamer.visualize.flow import flow_of as flow_of
from gossamer.visualize.page import stories_page as stories_page
