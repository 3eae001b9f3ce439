COPY (
    SELECT {line}
    FROM (
        {rows}
    ) AS found ({names})
    CROSS JOIN LATERAL (SELECT {columns}) AS line
    ORDER BY {order}
) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8', {options})
