"""Who may do what: credentials over HTTP, roles, and the record of what was done."""
