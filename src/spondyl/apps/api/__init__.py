"""REST and the page: thin doors over the store, the worker and the reports."""

from spondyl.apps.api.app import create_app

__all__ = ["create_app"]
