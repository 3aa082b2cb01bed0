"""The documentation site: the pages of docs/, filled from the table of alarms, the objectives and the templates.

What the code knows is never copied into a page by hand: a page holds a marker such as ``{{ facts }}``, and the site's
build puts in what the code says at that moment. Pages hold what only a person can think.
"""
