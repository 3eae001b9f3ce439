SELECT presence_erase_events(
    %(segment)s, %(person)s, %(up_to)s, %(excluded)s::bigint[], %(mentions)s::bigint[], %(operator)s
)
