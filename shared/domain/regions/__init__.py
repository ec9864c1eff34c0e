"""Administrative regions of China by their six-digit codes (GB/T 2260): names, and finding a code by words.

`regions.csv` holds province, city and county codes with names as facts of the standard; a province is
`110000`, a city `330100`, a county `330106`.
"""

from shared.domain.regions.lookup import (
    Region,
    find_region,
    list_cities,
    list_provinces,
    region_name,
    region_prefix,
    search_regions,
    short_name,
)

__all__ = [
    "Region",
    "find_region",
    "list_cities",
    "list_provinces",
    "region_name",
    "region_prefix",
    "search_regions",
    "short_name",
]
