"""The claims by number: what each is about (pure)."""

CLAIMS = {
    1: "learning curves",
    2: "convergence at several densities",
    3: "delay and reward against density",
    4: "energy against density",
    5: "self-adjustment",
    6: "idle resources",
    7: "no GPU, no replay memory",
    8: "beyond the paper",
}
