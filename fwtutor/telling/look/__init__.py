"""Looking anywhere: any host of a lab, page by page, as it was at the place one is at. The lab draws these rows, plain mode says them.

``seen`` reads a host at a place, ``page`` says what a page of rows is, and each page has a file of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.registry import Registry

if TYPE_CHECKING:
    from fwtutor.telling.look.page import Page

PAGES: Registry[type[Page]] = Registry(__name__, {
    "rules": "rules.RulesPage", "connections": "connections.ConnectionsPage", "expectations": "expectations.ExpectationsPage",
    "sockets": "sockets.SocketsPage", "logs": "logs.LogsPage", "sysctls": "settings.SettingsPage",
})  # fmt: skip
"""In the order of their numbers on the screen."""
