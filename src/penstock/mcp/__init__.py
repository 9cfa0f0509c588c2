"""Penstock for assistants: its main calls as tools of the Model Context Protocol (https://modelcontextprotocol.io).

It is a client like any other: everything goes through the SDK, with the scopes of its key. Needs the extra `mcp`.
"""
