"""Which books are read, and which of them are held out."""

HELD_OUT = ["fairy-crimson", "happy-prince", "oz-13-magic"]

TRAINING = [
    "aesop", "alice-wonderland", "andersen", "black-beauty", "bobbsey-country",
    "enchanted-castle", "english-fairy-tales", "fairy-blue", "fairy-green", "fairy-grey",
    "fairy-lilac", "fairy-olive", "fairy-orange", "fairy-pink", "fairy-red", "fairy-violet",
    "fairy-yellow", "fifty-famous", "five-children-it", "grandfather-frog", "grimm", "heidi",
    "jungle-book", "just-so", "little-princess", "looking-glass", "lord-fauntleroy",
    "old-mother-west-wind", "oz-01-wizard", "oz-02-land", "oz-03-ozma", "oz-04-dorothy-wizard",
    "oz-05-road", "oz-06-emerald-city", "oz-07-patchwork-girl", "oz-08-tik-tok",
    "oz-09-scarecrow", "oz-11-lost-princess", "peter-pan", "phoenix-carpet", "pinocchio",
    "princess-curdie", "princess-goblin", "railway-children", "santa-claus",
    "second-jungle-book", "secret-garden", "stories-to-tell", "uncle-wiggily", "wind-willows",
]
