SELECT has_function_privilege('presence_forget_stays(timestamptz, integer, text)', 'EXECUTE')
