SELECT presence_horizon('stays')
