HELP = ""


def add_options(p):
    pass
