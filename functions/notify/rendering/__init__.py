"""Alerts → words. Pure: a renderer that does I/O is a defect.

``wording`` says amounts, times and names; ``budgets`` says one budget alert; ``slack`` lays many out as messages.
"""
