"""A sequence carried out over real servers, every service a process of its own, and what came of it on a page."""
