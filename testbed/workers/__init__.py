"""Work shared out over processes: of this host, or of a Dask cluster; one seam, `concurrent.futures.Executor`."""
