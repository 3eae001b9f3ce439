COPY (
    -- The query gives the columns; LATERAL formats each of them.
    SELECT {line}
    FROM (
        {rows}
    ) AS found ({names})
    CROSS JOIN LATERAL (SELECT {columns}) AS line
    ORDER BY {order}
) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8', {options})
