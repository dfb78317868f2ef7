"""Networks that are shipped: trained over a family of scenarios, for whoever has none of their own.

``python benchmarks/family.py`` makes the family. ``a3c-do`` went on from a first network, of 80,000 updates over most
of it: ``testbed train region --family testbed/networks/family.yaml --start first.npz --updates 30000 --option
rate=0.001 --option average=0.999 --option clip_norm=0.5``. The best of its evaluations is shipped, at 25,500 updates.
"""
