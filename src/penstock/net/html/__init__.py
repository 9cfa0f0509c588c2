"""Reading HTML: links, text, Markdown, selected fields, the main part of a page.

`process.run` is the way in from a node; the other modules are plain functions over a parsed page.
"""
