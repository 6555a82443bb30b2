%% What a release can tell of a dictionary. To be included in front of the first function.

%% Whether this release can read one key of a dictionary (OTP 26.2 on).
reads_keys() ->
    try erlang:process_info(self(), {dictionary, '$initial_call'}) of
        _ -> true
    catch
        error:badarg -> false
    end.
