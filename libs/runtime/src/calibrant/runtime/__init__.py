"""What every service is made of: settings, unit of work, object store, job runner, probes, clock, ids."""
