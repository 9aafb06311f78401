"""Reads one response: what it gives each option, and where it says so."""

import starprobe

TEXT = """A basket has a handle and is open at the top, so a small dog can be carried in it.
A swimming pool is full of water and cannot be carried. The backyard does not fit. Answer: (B)."""
QUESTION = {
    "question": "What can be used to carry a small dog?",
    "options": ["swimming pool", "basket", "backyard"],
}

found = starprobe.classify(TEXT, QUESTION, reader="rules")
print(found)
print(found.to_frame().to_string(index=False))
