SELECT has_function_privilege('presence_forget_pseudonyms()', 'EXECUTE')
