%% Which rows of a tree pass the filters, and what is asked of their processes for it. To be included behind
%% beamscope_supervision_walk.hrl and beamscope_pattern.hrl, in front of the first function.

is_filtered(Spec) -> map_size(maps:with([pattern, child, type, status, min_restarts], Spec)) > 0.

matches(#{type := Type, status := Status} = Row, Spec) ->
    maps:get(type, Spec, Type) =:= Type andalso maps:get(status, Spec, Status) =:= Status andalso
        known_restarts(Row) >= maps:get(min_restarts, Spec, -1) andalso
        (not is_map_key(child, Spec) orelse maps:get(pid, Row, none) =:= map_get(child, Spec)) andalso
        names(Row, maps:get(pattern, Spec, none)).

names(_, none) ->
    true;
names(#{id := Id, modules := Modules} = Row, Pattern) ->
    Name = maps:get(known, Row, maps:get(name, facts(Row), [])),
    Words = [unicode:characters_to_binary(io_lib:format("~0tp", [Id]))] ++ [atom_to_binary(Atom, utf8) || Atom <- lists:flatten([Name, Modules]), is_atom(Atom)],
    lists:any(fun(Word) -> holds(Word, Pattern) end, Words).

%% Less than none, where they are not known.
known_restarts(#{supervisor := #{restarts := Count}}) -> Count;
known_restarts(_) -> -1.

facts(#{status := running, pid := Pid}) ->
    case erlang:process_info(Pid, [registered_name, message_queue_len, current_function]) of
        [{_, Name}, {_, Messages}, {_, Current}] ->
            Memory = [erlang:process_info(Pid, memory) || Messages =< ?LONG_QUEUE],
            maps:from_list(
                [{messages, Messages}] ++ [{serves, true} || serves(Current)] ++ [{name, Name} || is_atom(Name)] ++ [{memory, Bytes} || {_, Bytes} <- Memory]
            );
        undefined ->
            #{}
    end;
facts(_) ->
    #{}.

serves({Module, _, _}) -> lists:member(Module, [gen_server, gen_statem, gen_event]);
serves(_) -> false.
