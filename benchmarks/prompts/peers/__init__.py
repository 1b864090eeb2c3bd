"""The peers' scripts. Each runs in the peer's own virtual environment, which has nothing of ours but this package."""
