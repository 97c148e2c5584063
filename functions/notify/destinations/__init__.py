"""Where messages go. One file per kind of destination, one row in :data:`notify.destinations.registry.DESTINATION_TYPES`."""
