%% The rows of a tree, level by level: what each supervisor says of its children, or what it is linked to says, and why some
%% may be missing. To be included behind beamscope_origin.hrl, in front of the first function.

%% Milliseconds for which a busy supervisor is looked at again.
-define(PATIENCE, 60).
%% Children of the supervisor that a tree begins with up to which it is asked for them.
-define(ASKED_CHILDREN, 10000).
%% Frames that a stack shows, if nobody has changed that.
-define(SHOWN_FRAMES, 8).
%% Linked processes, of the first and of the last, that may have started one of which nothing tells who did.
-define(STARTERS, 5).

%% Level by level: all rows by their path, and why some may be missing. A process that has a row already is not opened
%% again, which also ends a circle.
walk([], Rows, Missing, _) ->
    {maps:from_list([{Path, Row} || #{path := Path} = Row <- Rows]), lists:usort(Missing)};
walk([#{type := supervisor, status := running, pid := Pid} = Row | Others], Rows, Missing, #{seen := Seen} = Spec) when
    is_map_key(Pid, Seen)
->
    walk(Others, [Row#{again => true} | Rows], Missing, Spec);
walk([#{depth := Level, type := supervisor, status := running, pid := Pid} = Row | Others], Rows, Missing, Spec) ->
    #{until := Until, depth := Depth, seen := Seen} = Spec,
    #{path := Path} = Row,
    Next = Spec#{seen := Seen#{Pid => true, Path => Pid}},
    case {Level < Depth, now_ms() < Until} of
        {true, true} ->
            {Facts, Children, Why} = visit(Row, Spec),
            walk(Others ++ Children, [Row#{supervisor => Facts} | Rows], Why ++ Missing, Next);
        {true, false} ->
            walk(Others, [Row | Rows], [deadline | Missing], Next);
        {false, _} ->
            walk(Others, [Row | Rows], [depth | Missing], Next)
    end;
walk([Row | Others], Rows, Missing, Spec) ->
    walk(Others, [Row | Rows], Missing, Spec).

%% What a supervisor tells of its children, their rows, and why some may be missing.
visit(#{pid := Pid, path := Path, id := Id, above := Above} = Row, #{children := Most, wide := Wide} = Spec) ->
    IsWide = Wide andalso Path =:= [1],
    case found(Row, hd([Spec#{children := ?ASKED_CHILDREN} || IsWide] ++ [Spec])) of
        #{not_asked := other} = Facts when not is_map_key(callback, Facts) ->
            {Facts, [], [not_asked]};
        #{is_large := false} = Facts ->
            case asked(Pid, hd([?ASKED_CHILDREN || IsWide] ++ [Most]), Spec) of
                {answer, {Count, Alive, First, Strange}} ->
                    Pids = [Child || Child <- Alive, node(Child) =:= node()],
                    {Rows, Unread} = in_truth(numbered(First, Path, Above ++ [Id], 1), halfway(Spec)),
                    Told = Facts#{children => Count, active => length(Alive), pids => Pids, listed => length(First)},
                    {
                        maps:merge(Told, maps:from_list([{strange, Strange} || Strange > 0])),
                        Rows,
                        [many || Count > length(First)] ++ Unread ++ [strange || Strange > 0]
                    };
                too_large ->
                    %% Its state has more in it than that.
                    linked_children(Row, Facts#{is_large := true, large => map_get(heap, Facts)}, IsWide, Spec);
                Late when Late =:= late; element(1, element(2, Late)) =:= timeout ->
                    {Facts#{unanswered => true}, [], [unanswered]};
                _ ->
                    %% It has ended, which the page will tell, or has answered something else.
                    IsStrange = is_process_alive(Pid),
                    {hd([Facts#{strange => all} || IsStrange] ++ [#{}]), [], [hd([strange || IsStrange] ++ [ended])]}
            end;
        #{links := _} = Facts ->
            linked_children(Row, Facts, IsWide, Spec);
        Facts ->
            {Facts, [], [busy || is_map_key(busy, Facts)]}
    end.

%% The same where it is not asked, by its links. At the root they are all, and nothing is missing, where its state says that
%% its children are alike and have no ids, and they are workers.
linked_children(#{pid := Pid, path := Path, id := Id, above := Above}, #{links := Links} = Facts, IsWide, Spec) ->
    #{children := Most} = Spec,
    Origins = origins(lists:sublist(Links, Most), halfway(Spec)),
    First = numbered([{undefined, Child, type(It, worker), modules(It), []} || {Child, {It, _}} <- Origins], Path, Above ++ [Id], 1),
    Unread = [Child || {Child, {unread, _}} <- Origins],
    Crowd = hd([lists:nthtail(length(First), Links) || IsWide] ++ [[]]),
    Counts = #{children => length(Links), active => length(Links), listed => length(First) + length(Crowd)},
    IsMore = maps:get(is_large, Facts, Crowd =/= [] orelse length(Links) > length(First) + length(Crowd)),
    Limits = hd([(limits(Pid, Facts, Spec))#{asked => true} || IsWide] ++ [#{}]),
    IsWhole = are_alike(Limits) andalso [Row || #{type := supervisor} = Row <- First] =:= [],
    {
        maps:merge(maps:merge(Facts, Counts#{pids => Links}), maps:merge(Limits, maps:from_list([{crowd, Crowd} || IsWide]))),
        from_links(hd([by_pid(First) || IsWide] ++ [First]), Unread, Limits),
        [hd([links || IsWide] ++ [many]) || IsMore, not IsWhole] ++ [unread || Unread =/= []] ++ late(Origins) ++
            [not_asked || maps:get(not_asked, Facts, bridge) =/= bridge]
    }.

%% `{Pid, Origin}' of linked processes, `{late, []}' where time ran out.
origins(Pids, #{until := Until} = Spec) ->
    lists:map(
        fun(Pid) ->
            case now_ms() < Until of
                true -> {Pid, origin(Pid, [], Spec)};
                false -> {Pid, {late, []}}
            end
        end,
        Pids
    ).

late(Origins) -> [deadline || {_, {late, _}} <- lists:sublist(lists:reverse(Origins), 1)].

%% The same with half of the time that is left, for what must not take all of it: whoever asks waits for a page.
halfway(#{until := Until} = Spec) -> Spec#{until := now_ms() + max(0, Until - now_ms()) div 2}.

are_alike(Facts) -> maps:get(strategy, Facts, none) =:= simple_one_for_one.

%% Rows of children as they are, and `unread' where of some that is not known: who leaves out the type of a child has a
%% supervisor called a worker.
in_truth(Rows, Spec) ->
    Told = told_callbacks([Pid || #{type := worker, status := running, pid := Pid} <- Rows], Spec),
    Distinct = lists:usort(element(2, lists:unzip(Told))),
    Supervising = [Callback || Callback <- Distinct, lists:member(supervises(Callback), [supervisor, bridge])],
    Unread = [Pid || {Pid, unread} <- Told, may_supervise(Pid)],
    Missing = [unread || Unread =/= []] ++ [deadline || lists:member(late, Distinct)],
    case Supervising ++ Unread of
        [] ->
            {Rows, Missing};
        _ ->
            Known = maps:from_list(Told ++ [{Pid, unknown} || Pid <- Unread]),
            {[typed(Row, Known, Supervising) || Row <- Rows], Missing}
    end.

%% Whether one that is not known to be a supervisor may have children: it does not wait as others do, and is linked to more
%% than its parent.
may_supervise(Pid) ->
    case erlang:process_info(Pid, [current_function, links]) of
        [{_, {Module, _, _} = Current}, {_, [_, _ | _]}] ->
            lists:member(Module, [gen_server, erlang]) orelse not loops(Current);
        _ ->
            false
    end.

typed(#{type := worker, pid := Pid} = Row, Callbacks, Supervising) when is_map_key(Pid, Callbacks) ->
    Callback = map_get(Pid, Callbacks),
    case lists:member(Callback, Supervising) of
        true -> Row#{type := supervisor, called => worker};
        false -> maps:merge(Row, maps:from_list([{not_asked, unread} || Callback =:= unknown]))
    end;
typed(Row, _, _) ->
    Row.

%% Rows of children that only links tell of: what those of `Unread' are is not known, nor are their ids, if they have any.
from_links(Rows, Unread, Supervisor) ->
    Marks = [{id_is, unknown} || not are_alike(Supervisor)],
    [
        maps:merge(Row, maps:from_list(Marks ++ [{not_asked, unread} || lists:member(Pid, Unread)]))
     || #{pid := Pid} = Row <- Rows
    ].

%% Rows of children, in their order.
numbered([], _, _, _) ->
    [];
numbered([{Id, Child, Type, Modules, Marks} | Children], Path, Above, At) ->
    Row = #{
        path => Path ++ [At],
        depth => length(Path) + 1,
        id => Id,
        above => Above,
        type => Type,
        modules => Modules,
        status => status(Child)
    },
    [maps:merge(Row, maps:from_list([{pid, Child} || is_pid(Child)] ++ Marks)) | numbered(Children, Path, Above, At + 1)].

status(Pid) when is_pid(Pid), node(Pid) =:= node() -> running;
status(Pid) when is_pid(Pid) -> remote;
status(Other) -> Other.

%% Rows of a crowd that only links tell of, in an order that holds however many of them there are.
by_pid(Rows) -> [Row#{path := lists:droplast(Path) ++ [Pid]} || #{path := Path, pid := Pid} = Row <- Rows].

%% A supervisor as it is found: whose it is, and to whom it is linked but its parent; or what it is busy with. Without
%% `callback' nothing is known of it.
found(#{pid := Pid} = Row, #{children := Most} = Spec) ->
    case origin(Pid, map_get(modules, Row), Spec) of
        {{supervisor, Module, _}, Ancestors} ->
            case idle(Pid, now_ms() + ?PATIENCE) of
                idle ->
                    Links = linked_below(Row, Ancestors, Spec),
                    Heap = used(Pid),
                    IsSmall = length(Links) =< Most andalso may_tell(Module, Heap, length(Links)),
                    IsLarge = not (IsSmall orelse length(Links) =< Most andalso Heap =< permitted(Pid, Spec)),
                    #{callback => Module, links => Links, heap => Heap, is_large => IsLarge};
                gone ->
                    #{callback => Module};
                {waiting, 0, _} = Busy ->
                    %% In a loop of its own it would never be idle.
                    case calls_back(Pid) of
                        true -> #{callback => Module, busy => Busy};
                        false -> unlike(Row, Module, Ancestors, other, Spec)
                    end;
                Busy ->
                    #{callback => Module, busy => Busy}
            end;
        {gone, _} ->
            #{};
        {{supervisor_bridge, Module, _}, Ancestors} ->
            unlike(Row, Module, Ancestors, bridge, Spec);
        {{Module, _, _}, Ancestors} ->
            unlike(Row, Module, Ancestors, other, Spec);
        {unread, _} ->
            #{not_asked => unread, links => linked_below(Row, [], Spec), large => used(Pid)};
        {_, _} ->
            #{not_asked => other}
    end.

%% What is known of one that is not asked, since it is no supervisor of OTP's.
unlike(Row, Module, Ancestors, Why, Spec) ->
    #{callback => Module, not_asked => Why, links => linked_below(Row, Ancestors, Spec)}.

%% The processes that one is linked to, but its parent, and whoever stands above it.
linked_below(#{pid := Pid} = Row, Ancestors, #{seen := Seen} = Spec) ->
    Path = maps:get(path, Row, []),
    Above = [map_get(Over, Seen) || Level <- lists:seq(1, max(0, length(Path) - 1)), Over <- [lists:sublist(Path, Level)], is_map_key(Over, Seen)],
    Parents =
        case parent(Ancestors) of
            [Parent] when is_pid(Parent) -> [Parent];
            _ -> parents(Pid, Spec)
        end,
    lists:sort(linked(Pid)) -- (Parents ++ Above).

%% Whether a process that waits was called by the code of a behaviour, as far as the stack shows that goes down so far only.
calls_back(Pid) ->
    case erlang:process_info(Pid, current_stacktrace) of
        {_, Stack} -> length(Stack) >= ?SHOWN_FRAMES orelse lists:any(fun is_behaviours/1, Stack);
        undefined -> true
    end.

is_behaviours({Module, _, _, _}) -> lists:member(Module, [gen, gen_server, gen_statem, gen_event, supervisor, sys]).

%% Who has started one whose own dictionary does not tell. Before OTP 25 those that it has started do, in theirs: its parent
%% comes behind it. Where none of them is started so, it is taken to be one that was visited, that starts what is at the top,
%% or that is a supervisor and was started by somebody else.
parents(Pid, #{seen := Seen} = Spec) ->
    try erlang:process_info(Pid, parent) of
        {_, Parent} -> [Parent];
        undefined -> []
    catch
        error:badarg ->
            Origins = [{Linked, origin(Linked, [], Spec)} || Linked <- starters(Pid)],
            Told = [Parent || {_, {_, [First, Second | _]}} <- Origins, parent([First]) =:= [Pid], Parent <- parent([Second]), is_here(Parent)],
            Presumed = [
                Linked
             || {Linked, {Callback, Ancestors}} <- Origins,
                parent(Ancestors) =/= [Pid],
                is_map_key(Linked, Seen) orelse is_starter(Linked) orelse supervises(Callback) =/= none
            ],
            hd([lists:sublist(Told, 1) || Told =/= []] ++ [Presumed])
    end.

%% Who has started a process, or before OTP 25, where nobody tells, may have: the first and the last of those linked to it.
starters(Pid) ->
    try erlang:process_info(Pid, parent) of
        {_, Parent} when is_pid(Parent) -> [Parent];
        _ -> []
    catch
        error:badarg ->
            Links = lists:sort(linked(Pid)),
            lists:usort(lists:sublist(Links, ?STARTERS) ++ lists:nthtail(max(0, length(Links) - ?STARTERS), Links))
    end.

%% Whether it is the process of an application master that starts what is at the top.
is_starter(Pid) -> is_here(Pid) andalso erlang:process_info(Pid, initial_call) =:= {initial_call, {application_master, start_it, 4}}.

is_here(Pid) -> is_pid(Pid) andalso node(Pid) =:= node().

parent(Ancestors) ->
    [
        Parent
     || Named <- lists:sublist(Ancestors, 1),
        Parent <- [hd([whereis(Named) || is_atom(Named)] ++ [Named])]
    ].

%% Local processes that a process is linked to.
linked(Pid) ->
    case erlang:process_info(Pid, links) of
        {_, Links} ->
            Pids = lists:filter(fun erlang:is_pid/1, Links),
            Here = ets:match_spec_compile([{{node(), '$1'}, [], ['$1']}]),
            ets:match_spec_run(lists:zip(lists:map(fun erlang:node/1, Pids), Pids), Here);
        undefined ->
            []
    end.

%% By the callback that a process tells, or else as it has to be taken.
type(unread, Presumed) ->
    Presumed;
type(Callback, _) ->
    case supervises(Callback) of
        none -> worker;
        _ -> supervisor
    end.

modules({_, _, _} = Callback) -> [module_of(Callback)];
modules(_) -> [].
