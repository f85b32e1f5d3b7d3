"""Recall in context: what was bound to this symbol earlier in the same sequence?"""
