"""Who to call and how to sign: official SDK clients as transport, and the data that tells them apart.

What the bytes mean lives in ``wire/``; when to call, and again, in ``engine/``.
"""
