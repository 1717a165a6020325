"""Write what runs, ablations and sweeps left in their folders as one HTML file, which needs nothing else.

folders --folders--> RunData, AblationResult, SweepResult
RunData --curves--> Series --charts, svg--> SVG in the page's colors
        --events--> what the collapse guard and the notes have to say
        --settings--> the config beside its recipe
        --videos--> as many as fit
all of it --tables, page--> HTML

The page has no script, and forbids all requests in its Content-Security-Policy.
"""
