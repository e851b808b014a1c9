"""The notebook's rooms: safe markup, live display, magics. Importing this package imports none of them."""
