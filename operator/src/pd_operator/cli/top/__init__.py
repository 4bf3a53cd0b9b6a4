"""`kubectl pd top`: one service on a terminal, live. The demo's screen is made of the same panels.

`view` holds what is shown, `panels` and `widgets` draw it with rich, `from_status` and `offered`
make it of a real service, `command` is the command line. Nothing here decides or changes anything.
"""
