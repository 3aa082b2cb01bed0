"""The rules of recovery over CloudFormation templates: what synthesizes fine and fails at deploy, or at disaster.

Plain Python over dictionaries, of the CDK or of anybody else: :mod:`reading` reads templates, :mod:`resolving` follows
their references, :mod:`checking` asks every rule of the modules in ``rules``. Not part of the functions' code.
"""
