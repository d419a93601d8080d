"""The four services of Handrail and the chassis they share."""
