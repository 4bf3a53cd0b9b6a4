"""The real SGLang on a CPU: its environment, a model made on the spot, and how it is started.

What runs inside that environment lies in `e2e/sglang`, and is never imported from here: SGLang
brings its own versions of much that the rest of the repository uses.
"""
