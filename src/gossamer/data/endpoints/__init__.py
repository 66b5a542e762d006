"""The endpoints, `endpoints.yml`: what an assistant talks to besides its users."""

from gossamer.data.endpoints.brokers import FileBrokerOptions, OwnBrokerOptions, PikaBrokerOptions
from gossamer.data.endpoints.http import (
    DEFAULT_TIMEOUT,
    ActionEndpoint,
    ActionsModule,
    HttpEndpoint,
    NlgEndpoint,
)
from gossamer.data.endpoints.reading import Endpoints, read_endpoints
from gossamer.data.endpoints.tracker_store import InMemoryTrackerStore, SqlTrackerStore

__all__ = [
    "DEFAULT_TIMEOUT",
    "ActionEndpoint",
    "ActionsModule",
    "Endpoints",
    "FileBrokerOptions",
    "HttpEndpoint",
    "InMemoryTrackerStore",
    "NlgEndpoint",
    "OwnBrokerOptions",
    "PikaBrokerOptions",
    "SqlTrackerStore",
    "read_endpoints",
]
