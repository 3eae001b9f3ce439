-- A field that may have characters which COPY escapes.
CASE
    WHEN {field} IS NULL THEN E'\\N'
    WHEN {field}::text ~ E'[\\\\\b\f\n\r\t\x0b]' THEN
        replace(replace(replace(replace(replace(replace(replace(
            {field}::text, E'\\', E'\\\\'), E'\b', E'\\b'), E'\f', E'\\f'), E'\n', E'\\n'), E'\r', E'\\r'), E'\t', E'\\t'),
            E'\x0b', E'\\v')
    ELSE {field}::text
END
