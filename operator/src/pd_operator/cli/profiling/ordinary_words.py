"""Words of which prompts are made that measure an engine."""

_TEXT = """
again always animal answer away because before below book bring call change children city close
could country different earth enough evening family far find first follow food friend garden good
green ground hand hear help high home house idea keep know large later learn leave letter light
little long many money morning mountain move name never next night number often only open other
paper people picture place plant point question quick rain read river road room school second
sentence short side small song sound stand start state still story street sun table teach thing
think three time together town travel tree under until voice walk want water week while wind word
work world write year young
"""

ORDINARY_WORDS = tuple(_TEXT.split())
"""Common enough that every tokenizer knows them, each as a token or two."""
