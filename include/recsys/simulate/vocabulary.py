"""H&M's own words and codes, with the weights the simulator draws them by.

The words are those of the columns of articles.csv at
https://www.kaggle.com/competitions/h-and-m-personalized-fashion-recommendations; one name always
goes with one code. Weights, prices and seasons are ours.
"""

# Rows of a table are not broken.
# ruff: noqa: E501

from typing import Final, NamedTuple


class Index(NamedTuple):
    """An index (a shop within the shop) and the group it belongs to."""

    name: str
    group_no: int
    group_name: str


class ProductType(NamedTuple):
    """A product type, what it usually costs, when it sells and what it looks like."""

    no: int
    name: str
    group: str
    #: In currency; a price in the files is this divided by 590.
    price: float
    #: From -1 (sells in winter) to 1 (sells in summer).
    season: float
    #: The outline a picture shows.
    shape: str


class Line(NamedTuple):
    """A department within a section within an index, and the types it sells."""

    weight: float
    index_code: str
    section_no: int
    section: str
    department_no: int
    department: str
    garment_no: int
    garment: str
    types: tuple[str, ...]


class Colour(NamedTuple):
    """A colour group, how it is perceived, and the red, green and blue of a picture."""

    weight: float
    code: int
    name: str
    value_id: int
    value: str
    master_id: int
    master: str
    rgb: tuple[int, int, int]


class Appearance(NamedTuple):
    """A graphical appearance and the pattern that a picture shows."""

    weight: float
    no: int
    name: str
    pattern: str


INDEXES: Final = {
    "A": Index("Ladieswear", 1, "Ladieswear"),
    "B": Index("Lingeries/Tights", 1, "Ladieswear"),
    "C": Index("Ladies Accessories", 1, "Ladieswear"),
    "D": Index("Divided", 2, "Divided"),
    "F": Index("Menswear", 3, "Menswear"),
    "G": Index("Baby Sizes 50-98", 4, "Baby/Children"),
    "H": Index("Children Sizes 92-140", 4, "Baby/Children"),
    "I": Index("Children Sizes 134-170", 4, "Baby/Children"),
    "J": Index("Children Accessories, Swimwear", 4, "Baby/Children"),
    "S": Index("Sport", 26, "Sport"),
}

_TYPES: Final = """
252|Sweater|Garment Upper body|24.99|-0.7|longsleeve
253|Vest top|Garment Upper body|9.99|0.6|vest
254|Top|Garment Upper body|14.99|0.2|longsleeve
255|T-shirt|Garment Upper body|9.99|0.4|tshirt
258|Blouse|Garment Upper body|19.99|0.2|longsleeve
259|Shirt|Garment Upper body|19.99|0.1|shirt
262|Jacket|Garment Upper body|39.99|-0.6|coat
263|Coat|Garment Upper body|59.99|-0.9|coat
264|Blazer|Garment Upper body|39.99|-0.2|coat
245|Cardigan|Garment Upper body|24.99|-0.5|coat
308|Hoodie|Garment Upper body|24.99|-0.4|hoodie
265|Dress|Garment Full body|24.99|0.5|dress
267|Jumpsuit/Playsuit|Garment Full body|29.99|0.5|jumpsuit
270|Garment Set|Garment Full body|19.99|0.1|jumpsuit
272|Trousers|Garment Lower body|24.99|-0.1|trousers
273|Leggings/Tights|Garment Lower body|9.99|-0.3|leggings
274|Shorts|Garment Lower body|14.99|0.9|shorts
275|Skirt|Garment Lower body|19.99|0.3|skirt
306|Bra|Underwear|17.99|0.0|bra
286|Underwear bottom|Underwear|9.99|0.0|briefs
307|Kids Underwear top|Underwear|7.99|0.0|vest
297|Pyjama set|Nightwear|19.99|-0.3|jumpsuit
296|Pyjama bottom|Nightwear|12.99|-0.2|trousers
298|Bikini top|Swimwear|14.99|1.0|bra
59|Swimwear bottom|Swimwear|12.99|1.0|briefs
57|Swimsuit|Swimwear|24.99|1.0|swimsuit
302|Socks|Socks & Tights|5.99|-0.3|socks
304|Underwear Tights|Socks & Tights|7.99|-0.6|leggings
87|Boots|Shoes|39.99|-0.8|boot
91|Sandals|Shoes|19.99|0.9|shoe
92|Heeled sandals|Shoes|24.99|0.6|shoe
94|Sneakers|Shoes|24.99|0.1|shoe
66|Bag|Accessories|19.99|0.0|bag
67|Belt|Accessories|9.99|0.0|belt
69|Cap/peaked|Accessories|9.99|0.4|hat
70|Earring|Accessories|5.99|0.2|ring
72|Hair clip|Accessories|3.99|0.1|belt
73|Hair string|Accessories|3.99|0.1|ring
74|Hair/alice band|Accessories|4.99|0.1|ring
77|Necklace|Accessories|7.99|0.1|ring
79|Ring|Accessories|5.99|0.1|ring
80|Scarf|Accessories|9.99|-0.7|scarf
81|Sunglasses|Accessories|7.99|0.9|glasses
82|Hat/beanie|Accessories|9.99|-0.9|hat
"""
TYPES: Final = {
    row[1]: ProductType(int(row[0]), row[1], row[2], float(row[3]), float(row[4]), row[5])
    for row in (text.split("|") for text in _TYPES.strip().splitlines())
}

_LINES: Final = """
6.0|A|16|Womens Everyday Basics|1676|Jersey Basic|1002|Jersey Basic|Vest top,T-shirt,Top,Leggings/Tights,Dress
5.0|A|15|Womens Everyday Collection|1522|Blouse|1010|Blouses|Blouse,Shirt
5.0|A|15|Womens Everyday Collection|1322|Dress|1013|Dresses Ladies|Dress,Jumpsuit/Playsuit
2.0|A|15|Womens Everyday Collection|1422|Skirt|1012|Skirts|Skirt
4.0|A|15|Womens Everyday Collection|1722|Trouser|1009|Trousers|Trousers,Shorts
4.0|A|15|Womens Everyday Collection|1626|Knitwear|1003|Knitwear|Sweater,Cardigan
3.5|A|6|Womens Casual|1660|Jersey|1005|Jersey Fancy|Top,Dress,T-shirt
2.0|A|11|Womens Tailoring|1717|Trouser|1009|Trousers|Trousers
2.0|A|11|Womens Tailoring|1929|Jacket|1008|Dressed|Blazer,Jacket
2.0|A|19|Womens Jackets|1201|Outdoor/Blazers|1007|Outdoor|Coat,Jacket
1.5|A|2|H&M+|1919|Jersey|1005|Jersey Fancy|Dress,Top,Leggings/Tights
1.0|A|8|Mama|2032|Jersey|1005|Jersey Fancy|Vest top,Top,Dress
1.0|A|14|Womens Premium|1912|Woven Premium|1001|Unknown|Blouse,Dress,Skirt
3.5|B|61|Womens Lingerie|1339|Clean Lingerie|1017|Under-, Nightwear|Bra,Underwear bottom
2.5|B|61|Womens Lingerie|1338|Expressive Lingerie|1017|Under-, Nightwear|Bra,Underwear bottom
2.0|B|62|Womens Nightwear, Socks & Tigh|3709|Nightwear|1017|Under-, Nightwear|Pyjama set,Pyjama bottom
1.5|B|62|Womens Nightwear, Socks & Tigh|3608|Tights basic|1021|Socks and Tights|Leggings/Tights,Underwear Tights
1.5|B|62|Womens Nightwear, Socks & Tigh|3610|Socks|1021|Socks and Tights|Socks
4.0|B|60|Womens Swimwear, beachwear|4242|Swimwear|1018|Swimwear|Bikini top,Swimwear bottom,Swimsuit
1.5|C|65|Womens Big accessories|3509|Belts|1019|Accessories|Belt
2.0|C|65|Womens Big accessories|3519|Bags|1019|Accessories|Bag,Scarf
2.0|C|66|Womens Small accessories|4344|Jewellery|1019|Accessories|Earring,Necklace,Ring
1.5|C|66|Womens Small accessories|4343|Hair Accessories|1019|Accessories|Hair clip,Hair/alice band,Hair string
1.0|C|66|Womens Small accessories|3526|Sunglasses|1019|Accessories|Sunglasses
1.5|C|64|Womens Shoes|3527|Flats|1020|Shoes|Sandals
1.0|C|64|Womens Shoes|3528|Heels|1020|Shoes|Heeled sandals,Boots
1.0|C|64|Womens Shoes|3828|Sneakers|1020|Shoes|Sneakers
4.5|D|51|Divided Basics|1643|Basic 1|1002|Jersey Basic|Top,Sweater,Vest top,Skirt,Leggings/Tights
4.0|D|53|Divided Collection|1344|Dresses|1013|Dresses Ladies|Dress,Jumpsuit/Playsuit
3.5|D|53|Divided Collection|1640|Tops Fancy Jersey|1005|Jersey Fancy|Top,Hoodie,T-shirt
2.5|D|53|Divided Collection|1747|Trousers|1009|Trousers|Trousers,Shorts,Skirt
1.5|D|53|Divided Collection|1244|Outdoor/Blazers DC|1007|Outdoor|Jacket,Coat
2.0|D|58|Divided Selected|1547|Tops woven DS|1010|Blouses|Blouse,Shirt
3.5|D|57|Ladies Denim|1772|Denim Trousers|1016|Trousers Denim|Trousers,Shorts,Skirt
1.0|D|52|Divided Accessories|3929|Divided Shoes|1020|Shoes|Boots,Sneakers
1.5|D|52|Divided Accessories|3946|Small Accessories|1019|Accessories|Earring,Bag,Cap/peaked
2.5|F|26|Men Underwear|5883|Jersey Basic Men|1002|Jersey Basic|T-shirt,Trousers,Vest top
1.5|F|26|Men Underwear|7188|Underwear Jersey|1017|Under-, Nightwear|Underwear bottom,Socks
2.0|F|20|Contemporary Smart|5828|Jersey Fancy|1005|Jersey Fancy|T-shirt,Sweater,Blazer
2.0|F|55|Contemporary Street|5832|Jersey Fancy Street|1005|Jersey Fancy|Hoodie,T-shirt,Trousers
2.0|F|21|Contemporary Casual|5658|Shorts|1025|Shorts|Shorts
2.0|F|21|Contemporary Casual|5731|Shirt|1011|Shirts|Shirt
1.5|F|23|Men Suits & Tailoring|5628|Suit|1008|Dressed|Blazer,Trousers
2.0|F|56|Denim Men|5672|Denim trousers|1016|Trousers Denim|Trousers
1.0|F|18|Mens Outerwear|5626|Jacket Casual|1007|Outdoor|Jacket,Coat
1.0|F|24|Men Shoes|3529|Shoes|1020|Shoes|Sneakers,Boots
1.0|F|25|Men Accessories|3440|Accessories|1019|Accessories|Hat/beanie,Scarf,Belt
3.0|G|44|Baby Essentials & Complements|6557|Baby Exclusive|1006|Woven/Jersey/Knitted mix Baby|T-shirt,Trousers,Garment Set
2.0|G|40|Baby Girl|6525|Baby Girl Jersey Fancy|1005|Jersey Fancy|Dress,Garment Set,Leggings/Tights
2.0|G|41|Baby Boy|6515|Baby Boy Jersey Fancy|1005|Jersey Fancy|Garment Set,T-shirt,Trousers
3.0|H|76|Kids Girl|7613|Kids Girl Dresses|1014|Dresses/Skirts girls|Dress,Skirt
2.0|H|76|Kids Girl|7618|Kids Girl Knitwear|1003|Knitwear|Sweater,Cardigan
2.5|H|46|Kids Boy|7648|Kids Boy Jersey Fancy|1005|Jersey Fancy|T-shirt,Hoodie,Shorts
1.5|H|79|Girls Underwear & Basics|7920|Kids Girl Jersey Basic|1002|Jersey Basic|Vest top,T-shirt,Kids Underwear top
2.5|I|47|Young Boy|8748|Young Boy Jersey Fancy|1005|Jersey Fancy|T-shirt,Hoodie,Trousers
2.5|I|77|Young Girl|8563|Young Girl Jersey Fancy|1005|Jersey Fancy|Top,Dress,Hoodie
1.5|I|72|Boys Underwear & Basics|8768|Young Boy Jersey Basic|1002|Jersey Basic|T-shirt,Underwear bottom
1.0|J|42|Kids & Baby Shoes|4321|Young Girl Shoes|1020|Shoes|Sneakers,Sandals,Boots
1.0|J|43|Kids Accessories, Swimwear & D|7389|Kids Girl Swimwear|1018|Swimwear|Swimsuit,Bikini top
2.0|S|5|Ladies H&M Sport|8316|Ladies Sport Bras|1005|Jersey Fancy|Vest top,Top,T-shirt
2.0|S|5|Ladies H&M Sport|8310|Ladies Sport Bottoms|1005|Jersey Fancy|Leggings/Tights,Shorts
1.5|S|27|Men H&M Sport|5999|Men Sport Tops|1005|Jersey Fancy|T-shirt,Hoodie,Shorts
"""
LINES: Final = tuple(
    Line(float(w), i, int(sn), s, int(dn), d, int(gn), g, tuple(types.split(",")))
    for w, i, sn, s, dn, d, gn, g, types in (
        text.split("|") for text in _LINES.strip().splitlines()
    )
)

_COLOURS: Final = """
21.5|9|Black|4|Dark|5|Black|32,32,34
11.5|73|Dark Blue|4|Dark|2|Blue|38,50,92
9.0|10|White|3|Light|9|White|250,250,250
5.5|51|Light Pink|1|Dusty Light|4|Pink|240,200,205
4.3|7|Grey|1|Dusty Light|12|Grey|150,150,152
3.2|12|Light Beige|1|Dusty Light|11|Beige|226,211,190
3.1|72|Blue|2|Medium Dusty|2|Blue|78,118,176
2.9|42|Red|5|Bright|18|Red|206,38,48
2.9|71|Light Blue|1|Dusty Light|2|Blue|172,203,230
2.8|19|Greenish Khaki|2|Medium Dusty|20|Khaki green|116,118,84
2.7|8|Dark Grey|4|Dark|12|Grey|84,84,88
2.6|13|Beige|2|Medium Dusty|11|Beige|204,178,146
2.5|11|Off White|1|Dusty Light|9|White|243,239,226
2.3|43|Dark Red|4|Dark|18|Red|120,26,40
2.2|93|Dark Green|4|Dark|19|Green|36,82,62
2.0|52|Pink|7|Medium|4|Pink|232,140,164
1.9|6|Light Grey|1|Dusty Light|12|Grey|204,204,206
1.7|22|Yellow|5|Bright|8|Yellow|246,206,70
1.5|33|Dark Orange|4|Dark|3|Orange|182,90,44
1.4|14|Dark Beige|2|Medium Dusty|13|Brown|164,132,100
1.3|17|Yellowish Brown|2|Medium Dusty|13|Brown|128,88,52
1.1|5|Gold|5|Bright|15|Metal|204,168,92
1.0|31|Light Orange|1|Dusty Light|3|Orange|246,206,176
1.0|53|Dark Pink|5|Bright|4|Pink|206,60,116
0.9|3|Silver|3|Light|15|Metal|190,194,200
0.9|62|Purple|3|Light|6|Lilac Purple|176,152,204
0.8|21|Light Yellow|3|Light|8|Yellow|250,240,176
0.7|91|Light Green|1|Dusty Light|10|Yellowish Green|190,214,160
0.6|81|Light Turquoise|3|Light|7|Turquoise|150,216,214
"""
COLOURS: Final = tuple(
    Colour(float(w), int(c), n, int(vi), v, int(mi), m, (int(red), int(green), int(blue)))
    for w, c, n, vi, v, mi, m, red, green, blue in (
        text.replace(",", "|").split("|") for text in _COLOURS.strip().splitlines()
    )
)

APPEARANCES: Final = (
    Appearance(49.0, 1010016, "Solid", "solid"),
    Appearance(16.0, 1010001, "All over pattern", "blobs"),
    Appearance(5.6, 1010010, "Melange", "melange"),
    Appearance(4.7, 1010017, "Stripe", "stripe"),
    Appearance(3.0, 1010023, "Denim", "denim"),
    Appearance(3.1, 1010008, "Front print", "print"),
    Appearance(3.0, 1010014, "Placement print", "print"),
    Appearance(2.1, 1010004, "Check", "check"),
    Appearance(1.6, 1010005, "Colour blocking", "block"),
    Appearance(1.5, 1010021, "Lace", "lace"),
    Appearance(1.4, 1010026, "Other structure", "melange"),
    Appearance(1.3, 1010002, "Application/3D", "print"),
    Appearance(1.1, 1010007, "Embroidery", "lace"),
    Appearance(1.0, 1010006, "Dot", "dot"),
    Appearance(0.9, 1010009, "Glittering/Metallic", "glitter"),
)
#: Trousers, skirts and shorts of a denim department look like denim.
DENIM: Final = 4
UNKNOWN: Final = "Unknown"
