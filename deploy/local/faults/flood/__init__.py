"""The flood: a service that does nothing but say, hear and count, on the same chassis, at full speed."""
