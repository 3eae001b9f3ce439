SELECT presence_forget_pseudonyms()
