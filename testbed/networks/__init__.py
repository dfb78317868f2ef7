"""Networks that are shipped: trained over a family of scenarios, for those that have none of their own."""
