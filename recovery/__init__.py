"""The domain of recovery in plain Python: objectives, checks, verdicts and evidence.

Nothing here knows the CDK, Lambda's types or a terminal, so the deployed functions, the ``dr`` command and the
lab all run the same code.
"""
