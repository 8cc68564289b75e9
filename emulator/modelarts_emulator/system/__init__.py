"""The platform layer: everything that differs between operating systems and file systems.

No other package asks for ``sys.platform`` or calls a function that exists on some systems only. Each part has a native
branch and a portable branch; ``features`` says which of them is used.
"""
