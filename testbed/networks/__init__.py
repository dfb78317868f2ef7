"""Networks that are shipped: trained over a family of scenarios, for whoever has none of their own.

``testbed train region --family testbed/networks/family.yaml --updates 200000`` trains ``a3c-do``; what is shipped is
the best of its evaluations up to 80,000 updates. ``python benchmarks/family.py`` makes the family.
"""
