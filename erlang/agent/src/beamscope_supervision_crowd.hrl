%% Children of the root behind the first, which have rows on their pages only: they are counted, filtered and ranked with
%% list BIFs, since there may be very many. To be included behind beamscope_supervision_filter.hrl, in front of the first function.

%% The children of the root that have no rows, the keys of the first on the page of those that pass, `unread' where a filter
%% did not see what some are, how many pass, and of how many that is known.
crowd(#{[1] := #{supervisor := #{crowd := Crowd}}}, #{limit := Limit, sort := Sort} = Spec) ->
    Step = fun(Pids, {Seen, Matched, Best, Missing}) ->
        {Passing, Unread} = passing(Pids, Spec),
        %% In the order of the tree none that follows comes before those that there are.
        IsFull = Sort =:= tree andalso length(Best) > Limit,
        {First, _} =
            case IsFull of
                true -> {Best, none};
                false -> page(crowd_keys(Passing, Spec) ++ Best, Spec#{limit := Limit + 1})
            end,
        {Seen + length(Pids), Matched + length(Passing), First, lists:usort(Unread ++ Missing)}
    end,
    case scan(fun thousand/1, Crowd, Spec, Step, {0, 0, [], []}) of
        {{_, Matched, Best, Missing}, []} ->
            {Crowd, Best, Missing, #{matched => Matched}};
        {{Seen, Matched, Best, Missing}, _} ->
            {Crowd, Best, Missing, #{matched => Matched, looked => {Seen, length(Crowd)}}}
    end;
crowd(_, _) ->
    {[], [], [], #{matched => 0}}.

%% With list BIFs, since there may be very many.
crowd_keys(Pids, #{sort := Sort}) ->
    Keys = ets:match_spec_compile([{{'$1', '$2'}, [], [{{'$1', [1, '$2']}}]}]),
    case Sort of
        tree -> [{[1, Pid], [1, Pid]} || Pid <- Pids];
        restarts -> ets:match_spec_run(lists:zip(lists:duplicate(length(Pids), -1), Pids), Keys);
        message_queue -> ets:match_spec_run(valued(Pids, message_queue_len), Keys);
        memory ->
            Short = short(Pids),
            Long = Pids -- Short,
            ets:match_spec_run(valued(Short, memory) ++ lists:zip(lists:duplicate(length(Long), 0), Long), Keys)
    end.

%% `{Value, Pid}' of what processes say, 0 of one that has ended.
valued(Pids, Item) ->
    Answers = [{{'$1', {'_', '$2'}}, [], [{{'$2', '$1'}}]}, {{'$1', '_'}, [], [{{0, '$1'}}]}],
    ets:match_spec_run(lists:zip(Pids, answers(Pids, Item)), ets:match_spec_compile(Answers)).

%% Those of the crowd that pass the filters, and `unread' where of some it is not known what they are. What each callback
%% that is found among them says is worked out once.
passing(Pids, #{child := Pid} = Spec) ->
    passing([Child || Child <- Pids, Child =:= Pid], maps:remove(child, Spec));
passing(_, #{status := Status}) when Status =/= running ->
    {[], []};
passing(_, #{min_restarts := _}) ->
    {[], []};
passing(Pids, Spec) when not is_map_key(pattern, Spec), not is_map_key(type, Spec) ->
    {Pids, []};
passing(Pids, Spec) ->
    Told = told_callbacks(Pids, Spec),
    Row = fun(Callback) ->
        #{id => undefined, status => running, type => type(Callback, worker), modules => modules(Callback)}
    end,
    Distinct = lists:usort(element(2, lists:unzip(Told))),
    Right = maps:from_list([{Callback, true} || Callback <- Distinct, matches(Row(Callback), Spec)]),
    Guard = [{is_map_key, '$2', {const, Right}}],
    Found = ets:match_spec_run(Told, ets:match_spec_compile([{{'$1', '$2'}, Guard, ['$1']}])),
    Names = [{{'$1', {registered_name, '$2'}}, [], [{{'$1', '$2'}}]}],
    Named = ets:match_spec_run(lists:zip(Pids, answers(Pids, registered_name)), ets:match_spec_compile(Names)),
    Callbacks = maps:from_list(hd([Told || Named =/= []] ++ [[]])),
    ByName = [Pid || {Pid, Name} <- Named, matches((Row(maps:get(Pid, Callbacks, undefined)))#{known => Name}, Spec)],
    {lists:usort(Found ++ ByName), [unread || lists:member(unread, Distinct)] ++ [deadline || lists:member(late, Distinct)]}.

%% A row that the walk has made, or that of a child of the root behind the first, which its pid stands for.
row(Path, Rows, _) when is_map_key(Path, Rows) ->
    map_get(Path, Rows);
row([1, Pid], #{[1] := #{id := Id, above := Above, supervisor := Supervisor}}, Spec) ->
    {Callback, _} = origin(Pid, [], Spec),
    [Row] = by_pid(numbered([{undefined, Pid, type(Callback, worker), modules(Callback), []}], [1], Above ++ [Id], 0)),
    hd(from_links([Row], [Pid || Callback =:= unread], Supervisor)).
