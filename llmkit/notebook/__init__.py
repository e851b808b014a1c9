"""The notebook's rooms: safe markup, live display, magics. Importing this package imports none of them.

>>> from llmkit.notebook import safe
>>> safe.to_html("**bold** <script>alert(1)</script>")  # doctest: +SKIP
"""
