"""Alerts → words. Pure: a renderer that does I/O is a defect.

``wording`` says amounts, times and names. ``budgets``, ``incidents``, ``reports`` and ``passthrough`` each say one kind of
alert, and ``alerts`` knows which does. ``slack``, ``teams``, ``email`` and ``webhook`` lay many out as messages, the two in the
middle by ``pages``.
"""
